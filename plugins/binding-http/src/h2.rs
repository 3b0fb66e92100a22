//! HTTP/2 (RFC 9113).

mod budget;
mod connection;
mod flow;
mod frame;
mod hpack;
mod limits;
mod request;
mod response;
mod settings;
mod streams;

pub(crate) use connection::Connection;
pub(crate) use frame::PREFACE;
pub use limits::HttpH2Limits;
pub(crate) use request::FieldList;
