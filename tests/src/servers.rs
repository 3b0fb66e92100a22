//! Servers that others have written: nginx, nghttpd of nghttp2, and scripts.

use crate::{Client, Folder, Ports, command, until};
use std::process::{Child, Command, Stdio};

/// A server, which is ended when it goes out of scope.
#[derive(Debug)]
pub struct Server {
    child: Child,
    folder: Folder,
    port: u16,
}

impl Server {
    /// nginx, which listens with these parameters (`http2`, `ssl http2`) and these directives in its `server`.
    /// What is in `www/` of its [folder](Server::folder) is served.
    ///
    /// # Panics
    /// If it is not installed, or does not start.
    #[track_caller]
    pub fn nginx(listen: &str, directives: &str) -> Self {
        need("nginx", "nginx-light");
        let (folder, port) = (Folder::new(), free_port());
        let path = folder.path().display().to_string();
        make(&folder, "www");
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {path}/{what};\n"))
            .concat();
        folder.write(
            "nginx.conf",
            format!(
                "daemon off;\nuser root root;\nworker_processes 1;\npid {path}/pid;\nerror_log {path}/error.log;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{\nlog_format short '$connection $server_protocol $status $request_uri';\n\
                 access_log {path}/access.log short;\n{temporary}keepalive_requests 100000;\n\
                 http2_max_concurrent_streams 128;\n\
                 server {{\nlisten 127.0.0.1:{} {listen};\nroot {path}/www;\n{directives}\n}}\n}}\n",
                port
            ),
        );
        let mut command = Command::new("nginx");
        command.args(["-p", &path, "-e", "error.log", "-c", "nginx.conf"]);
        Self::start(command, folder, port)
    }

    /// nghttpd without TLS, with these options. What is in its [folder](Server::folder) is served.
    ///
    /// # Panics
    /// If it is not installed, or does not start.
    #[track_caller]
    pub fn nghttpd(options: &[&str]) -> Self {
        need("nghttpd", "nghttp2-server");
        let (folder, port) = (Folder::new(), free_port());
        let mut command = Command::new("nghttpd");
        command.args(["--no-tls", "--address=127.0.0.1", "--htdocs"]).arg(folder.path());
        command.args(options).arg(port.to_string());
        Self::start(command, folder, port)
    }

    /// A script that is given the port as its last argument, and ends at SIGTERM.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn script(mut command: Command) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        command.arg(port.to_string());
        Self::start(command, folder, port)
    }

    #[track_caller]
    fn start(mut command: Command, folder: Folder, port: u16) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: command::spawn(&mut command), folder, port };
        until("the server listens", || Client::try_connect(server.port()).is_ok());
        server
    }

    /// Its port at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Sends a signal: `HUP` has nginx read its files again, with new workers; the old ones leave in order.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(status.is_ok_and(|status| status.success()), "SIG{name} was not sent");
    }

    /// What nginx has logged of requests: of each the number of its connection, its version, the status and what was
    /// asked for.
    pub fn requests(&self) -> Vec<[String; 4]> {
        let log = std::fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        log.lines()
            .filter_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().ok())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In order, so that workers of nginx end as well.
        self.signal("TERM");
        let _ = self.child.wait();
    }
}

/// A port that is free now. These servers bind theirs alone, so it cannot be held for them.
fn free_port() -> u16 {
    Ports::one().first()
}

/// # Panics
/// If a program is not installed.
#[track_caller]
fn need(program: &str, package: &str) {
    let is_there =
        Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(is_there, "{program} is not installed: apt-get install {package}");
}

fn make(folder: &Folder, name: &str) {
    std::fs::create_dir(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
}
