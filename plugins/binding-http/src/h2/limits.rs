//! `options.limits.h2` of the binding in `zilla.yaml`.

use super::flow::ReceiveWindow;
use super::frame::{FRAME_OCTETS_MIN, U31_MAX};
use super::reader::ReaderLimits;
use super::settings::Settings;
use schemars::JsonSchema;
use serde::Deserialize;
use zilla_sdk::{ConfigError, config_error};

/// What a connection of HTTP/2 may take.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpH2Limits {
    /// Most streams of a connection at a time. A server resets more with REFUSED_STREAM, a client opens no more.
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrent_streams: u32,
    /// Longest payload of a frame in octets; a longer one ends the connection with FRAME_SIZE_ERROR.
    #[schemars(range(min = 16_384, max = 1_048_576))]
    pub frame_bytes: u32,
    /// Largest table for decoding field lists, in octets.
    #[schemars(range(max = 65_536))]
    pub table_bytes: u32,
    /// Octets of a body that the peer may send ahead of who takes it. At first: it grows to four times as much while
    /// everything that comes is taken, but not over half of the connection's.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub stream_window_bytes: u32,
    /// The same of all streams of a connection together, at least 65,535.
    #[schemars(range(min = 65_535, max = 2_147_483_647))]
    pub connection_window_bytes: u32,
    /// Most CONTINUATION frames of a field list; more end the connection with ENHANCE_YOUR_CALM.
    pub continuations: u32,
    /// Most streams that the peer resets, or makes this end reset, at once and again in 30 s; more end the
    /// connection with ENHANCE_YOUR_CALM.
    #[schemars(range(min = 1))]
    pub resets: u32,
    /// Most frames that bring nothing by themselves (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown
    /// ones), at once and again in 30 s, those that go with content not counted; more end the connection with
    /// ENHANCE_YOUR_CALM.
    #[schemars(range(min = 1))]
    pub control_frames: u32,
}

impl Default for HttpH2Limits {
    fn default() -> Self {
        Self {
            concurrent_streams: 100,
            frame_bytes: FRAME_OCTETS_MIN,
            table_bytes: 4_096,
            stream_window_bytes: 262_144,
            connection_window_bytes: 2_097_152,
            continuations: 8,
            resets: 1_000,
            control_frames: 10_000,
        }
    }
}

impl HttpH2Limits {
    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, min, max) in [
            ("concurrent-streams", self.concurrent_streams, 1, 1_000),
            ("frame-bytes", self.frame_bytes, FRAME_OCTETS_MIN, 1_048_576),
            ("table-bytes", self.table_bytes, 0, 65_536),
            ("stream-window-bytes", self.stream_window_bytes, 1, U31_MAX),
            ("connection-window-bytes", self.connection_window_bytes, 65_535, U31_MAX),
            ("resets", self.resets, 1, u32::MAX),
            ("control-frames", self.control_frames, 1, u32::MAX),
        ] {
            if !(min..=max).contains(&value) {
                let pointer = format!("/options/limits/h2/{key}");
                return Err(config_error(
                    &pointer,
                    format!("a number from {min} to {max}"),
                    value.to_string(),
                ));
            }
        }
        Ok(())
    }

    /// The window of a stream, which grows. One whose receiver has stopped leaves the others half of the connection's.
    pub(crate) fn stream_window(&self) -> ReceiveWindow {
        const GROWTH: u32 = 4;
        let most = self.stream_window_bytes.saturating_mul(GROWTH).min(self.connection_window_bytes / 2);
        ReceiveWindow::growing(self.stream_window_bytes, most)
    }

    /// What is read of the peer. A field block that has more octets than the fields in it may have is no attempt to
    /// compress them.
    pub(crate) fn reader(&self, header_bytes: usize) -> ReaderLimits {
        ReaderLimits {
            frame_octets: self.frame_bytes,
            block_octets: header_bytes + FRAME_OCTETS_MIN as usize,
            continuations: self.continuations,
        }
    }

    /// What the peer is told of it.
    pub(crate) fn settings(&self, header_bytes: usize) -> Settings {
        Settings {
            table_octets: self.table_bytes,
            push: true,
            streams: self.concurrent_streams,
            window_octets: self.stream_window_bytes,
            frame_octets: self.frame_bytes,
            list_octets: u32::try_from(header_bytes).unwrap_or(u32::MAX),
            connect: false,
        }
    }
}
