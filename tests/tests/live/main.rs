//! Live change: files and plugins are replaced under load, and nobody notices.
//!
//! Each test has a host with a folder of its own: `zilla.yaml`, plugins and the control socket. How often the long
//! ones change something is set by the environment:
//!
//! | variable | changes | default | a long run |
//! |---|---|---|---|
//! | `ZILLA_SWAPS` | plugin swaps under load | 60 | 1000 |
//! | `ZILLA_EDITS` | steps of the random walk through `zilla.yaml` | 100 | 1000 |
//! | `ZILLA_SEED` | which walk it is | 1 | the time |
//! | `ZILLA_SOAK_SECONDS` | seconds of everything at once | 12 | 3600 |

mod broken;
mod commands;
mod drain;
mod editors;
mod edits;
mod flat;
mod handover;
mod meanwhile;
mod pinned;
mod soak;
mod state;
mod support;
mod swaps;
mod upstreams;
mod websockets;
