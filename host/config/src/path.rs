//! The way from the root of a document to one of its nodes.

use std::fmt;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// A node of the file: a document and the steps from its root.
///
/// Displayed as `bindings.north_tcp_server.options.port[0]`, without the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePath {
    document: usize,
    segments: Vec<Segment>,
}

impl NodePath {
    /// The root of a document, counted from 0 with the empty ones.
    pub(crate) fn root(document: usize) -> Self {
        Self { document, segments: Vec::new() }
    }

    pub(crate) fn new(document: usize, segments: Vec<Segment>) -> Self {
        Self { document, segments }
    }

    /// The value of `key` in this mapping.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The item of this list, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The node that a JSON pointer (RFC 6901), such as `/options/port/0`, leads to from here.
    /// A step of digits alone is taken for the index of a list.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Self {
        let steps = pointer.strip_prefix('/').map(|steps| steps.split('/'));
        let mut path = self.clone();
        path.segments.extend(steps.into_iter().flatten().map(|step| match index(step) {
            Some(index) => Segment::Index(index),
            None => Segment::Key(unescape(step)),
        }));
        path
    }

    /// The mapping or list that holds this node; none for the root of a document.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.segments.split_last()?;
        Some(Self { document: self.document, segments: above.to_vec() })
    }

    pub(crate) fn document(&self) -> usize {
        self.document
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.segments.push(segment);
        path
    }
}

/// RFC 6901 section 4: an array index is digits without a leading zero.
fn index(step: &str) -> Option<usize> {
    let digits = !step.is_empty() && step.bytes().all(|octet| octet.is_ascii_digit());
    (digits && (step == "0" || !step.starts_with('0'))).then(|| step.parse().ok()).flatten()
}

/// RFC 6901 section 4: `~1` is a slash, `~0` a tilde, in this order.
pub(crate) fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if !reads_plainly(key) => write!(f, "[{key:?}]")?,
                Segment::Key(key) if position == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can stand between dots without being mistaken.
fn reads_plainly(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-:*/@%+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_the_file_is_written() {
        let path = NodePath::root(0).key("bindings").key("b").key("options").key("port").index(0);
        assert_eq!(path.to_string(), "bindings.b.options.port[0]");
        assert_eq!(NodePath::root(0).key("a.b").key("").key("c d").to_string(), r#"["a.b"][""]["c d"]"#);
        assert_eq!(NodePath::root(0).to_string(), "");
    }

    #[test]
    fn a_json_pointer_continues_a_path() {
        let path = NodePath::root(1).key("options").pointer("/port/0/a~1b~0/01");
        assert_eq!(path, NodePath::root(1).key("options").key("port").index(0).key("a/b~").key("01"));
        assert_eq!(path.pointer(""), path);
    }

    #[test]
    fn the_root_has_no_parent() {
        assert_eq!(NodePath::root(0).key("a").parent(), Some(NodePath::root(0)));
        assert_eq!(NodePath::root(0).parent(), None);
    }
}
