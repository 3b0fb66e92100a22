//! nginx with one worker, as one writes it. Buffers are those that it has when nothing is said.

use super::Task;
use crate::rows::{Service, Version};
use std::path::Path;

/// What passes on connections. Debian has it in a package of its own.
pub(super) const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

pub(super) fn config(task: Task<'_>, directory: &Path) -> String {
    let (module, service) = match task.row.service {
        Service::Http(version) => (String::new(), http(task.port, version, directory, "", RETURN)),
        Service::Guarded | Service::Matched => {
            (String::new(), http(task.port, Version::Http1, directory, "", RETURN))
        }
        Service::HttpProxy { front, .. } => {
            let upstream = upstream(task.upstream);
            (String::new(), http(task.port, front, directory, &upstream, PASS))
        }
        Service::WebSocket => {
            let upstream = upstream(task.upstream);
            (String::new(), http(task.port, Version::Http1, directory, &upstream, UPGRADE))
        }
        Service::Fan(_) | Service::Echo | Service::Proxy | Service::Tls(_) => {
            (format!("load_module {STREAM_MODULE};\n"), stream(task))
        }
    };
    let directory = directory.display();
    format!(
        "\
{module}daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{
  worker_connections 20000;
}}
{service}"
    )
}

/// An answer of its own.
const RETURN: &str = "\
      return 200;
";

/// To the upstream in HTTP/1.1, so that connections are kept: that of 1.0 is what it speaks when nothing is said.
const PASS: &str = "\
      proxy_pass http://measured;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
";

/// To the upstream, which switches to WebSockets.
const UPGRADE: &str = "\
      proxy_pass http://measured;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
";

fn upstream(port: u16) -> String {
    format!(
        "
  upstream measured {{
    server 127.0.0.1:{port};
    keepalive 1024;
    keepalive_requests 1000000000;
  }}"
    )
}

fn http(port: u16, version: Version, directory: &Path, upstream: &str, location: &str) -> String {
    let directory = directory.display();
    let http2 = match version {
        Version::Http1 => "",
        Version::Http2 => " http2",
    };
    format!(
        "\
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path {directory}/client_body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;{upstream}
  server {{
    listen 127.0.0.1:{port}{http2} reuseport backlog=4096;
    location / {{
{location}    }}
  }}
}}
"
    )
}

fn stream(task: Task<'_>) -> String {
    let Task { port, upstream, .. } = task;
    let (ssl, keys) = match task.identity() {
        None => ("", String::new()),
        Some(identity) => {
            let (key, certificate) = (identity.key.display(), identity.certificate.display());
            let keys = format!(
                "
    ssl_protocols TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};"
            );
            (" ssl", keys)
        }
    };
    format!(
        "\
stream {{
  server {{
    listen 127.0.0.1:{port}{ssl} reuseport backlog=4096;{keys}
    proxy_pass 127.0.0.1:{upstream};
    proxy_timeout 1h;
  }}
}}
"
    )
}
