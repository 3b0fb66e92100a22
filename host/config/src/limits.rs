//! Every bound of this crate, with its reason and what happens when it is met.

/// Octets of a file, before and after substitution. The largest files in use are some hundred
/// kilobytes. A larger one is refused unread.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// YAML documents in one file, empty ones included. The documents after it are refused unread.
pub const DOCUMENTS_MAX: usize = 256;

/// Bindings in one file, over all namespaces. A file with more is refused.
pub const BINDINGS_MAX: usize = 4096;

/// Mappings and lists inside one another. Far above what a schema asks for, and below the 128 of
/// the YAML reader, so the message is ours. What is deeper is refused and not read.
pub const NESTING_MAX: usize = 64;

/// Brackets `[` and `{` that are open at once, wherever they stand: the time that the YAML reader
/// takes grows with the square of it. A file with more is refused unread.
pub const OPEN_BRACKETS_MAX: usize = 4096;

/// Values in one file once its aliases are followed: an alias repeats what it names, so a small
/// file can hold a very large tree. Reading stops there.
pub const NODES_MAX: usize = 1 << 20;

/// Octets of keys and text in one file once its aliases are followed, for the same reason.
/// Reading stops there.
pub const SCALAR_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Problems that [`render`](crate::render) shows; the rest is counted.
pub const PROBLEMS_MAX: usize = 50;

/// Problems kept by one [`parse`](crate::parse) or [`check_schema`](crate::check_schema). To
/// locate one costs a pass over the file, so after these no more are looked for.
pub const PROBLEMS_KEPT_MAX: usize = 100;

/// Characters of a line that says where something is, what was expected or what was found; longer lines are cut.
/// It has room for the path of a plugin and what is wrong with it.
pub const MESSAGE_CHARS_MAX: usize = 480;

/// Characters of a line of the file that is shown; longer lines are cut.
pub const LINE_CHARS_MAX: usize = 120;
