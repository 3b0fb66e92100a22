//! HTTP/2 (RFC 9113), by hand: octets and time come in as arguments, frames and octets go out.
//!
//! | part | what it knows | used by |
//! |---|---|---|
//! | `frame`, `settings` | how frames are read and written, and which are none | servers, clients |
//! | `hpack` | field lists as octets (RFC 7541) | servers, clients |
//! | `flow`, `budget` | windows; how often something may happen | servers, clients |
//! | `reader`, `control` | frames and field blocks in any pieces; what frames without a message say | servers, clients |
//! | `request`, `response` | what fields requests and responses may have, as attributes of the exit's stream | servers |
//! | `streams`, `connection` | states of streams, order, limits, time | servers |
//!
//! The client's connection is `client::http2`. The following is of the server's.
//!
//! # Credit
//!
//! * What a client may send of content, its windows say; octets of its connection are given back as credit at
//!   once, so that frames other than `DATA` always come through. A window is given back when the exit has taken
//!   the content, so an exit that grants no credit shuts the stream's window, and at most
//!   `connection-window-bytes` are held for all exits. A window doubles as it is given back, up to four times, while
//!   nothing is held for its exit: who takes all at once can be sent more without anything being held.
//! * Content of a response is sent as the stream's window, the connection's window and the credit of the
//!   client's stream allow, one frame of each stream in turn. What is not sent is not given back to the exit.
//! * Content of 1 KiB and more is passed on without a copy, in both directions; heads of frames and smaller
//!   pieces are one frame of the host as long as they adjoin.
//!
//! # Frames of 16 KiB
//!
//! Content goes in frames of 16,384 octets at most, also to a peer that takes longer ones: streams have their turn after
//! each frame. Longer ones save little: 3,000 times 1 MiB, echoed to 16 connections that take 64 KiB, cost 13.0 to
//! 16.0 s of processor time in frames of 16 KiB, and 13.8 to 15.6 s in those of 64 KiB.
//!
//! # Why by hand
//!
//! Measured natively, the best of several rounds: 100 streams a round, each a GET of five indexed fields that
//! is handed on as attributes and answered with them.
//!
//! | | requests/s |
//! |---|---|
//! | this module, as the host drives it: decode, open an exit, echo, encode | 948,000 |
//! | the `h2` crate, polled by hand over a pipe in memory, and fields copied from and to its types | 431,000 |
//!
//! As a component, that crate has 280 KB; this module adds 112 KB. That crate owns its buffers and its windows,
//! wants a reader and a writer that can wait, and gives a request as a `HeaderMap`: credit would have to be a
//! pipe that is full, content would be copied twice, and its limits are not the ones that we promise. As the
//! client of our tests it is a judge of this module.
//!
//! HPACK libraries were measured with a block of nine Huffman-coded fields, as of a browser, and with nine
//! indexed ones:
//!
//! | | coded | indexed | |
//! |---|---|---|---|
//! | `hpack` here | 1.2 µs | 19 ns | each field borrowed, nothing kept |
//! | `httlib-hpack` 0.1 | 4.8 µs | 617 ns | the block moves for each field, and all fields are allocated: 16 KiB unfold to 64 MB |
//! | `loona-hpack` 0.4 | 329 µs | 39 ns | the table of the code is built anew for each string, and a bad size is an assertion |
//! | `fluke-hpack` 0.3 | 336 µs | – | its predecessor; `hpack` 0.3 is theirs |

pub(crate) mod budget;
mod connection;
pub(crate) mod control;
pub(crate) mod flow;
pub(crate) mod frame;
pub(crate) mod hpack;
mod limits;
pub(crate) mod reader;
mod request;
pub(crate) mod response;
pub(crate) mod settings;
mod streams;

pub(crate) use connection::Connection;
pub(crate) use frame::PREFACE;
pub(crate) use hpack::Encoder;
pub use limits::HttpH2Limits;
pub(crate) use request::FieldList;
