//! Values with something of the stream in them: `${params.x}`, `${guarded['g'].identity}`.

use crate::session::{self, Session};
use std::sync::Arc;

/// A value with expressions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `${params.x}`
    Param(String),
    /// `${guarded['g'].identity}`
    Identity(Arc<str>),
    /// `${guarded['g'].attributes.x}`
    Attribute(Arc<str>, String),
}

/// Parameters of the condition that held, by name; of two with one name, the first counts.
pub(crate) type Params<'a> = Vec<(&'a str, &'a [u8])>;

impl Template {
    /// Reads a value with expressions in it. The guard `g` is one of that namespace, `n:g` one of another. What no
    /// expression is known by stands for nothing.
    pub fn parse(text: &str, namespace: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("${") {
            let Some((expression, after)) = after.split_once('}') else { break };
            pieces.push(Piece::Literal(literal.to_owned()));
            pieces.extend(Piece::parse(expression.trim(), namespace));
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        Self { pieces }
    }

    /// Qualified names of the guards that it asks.
    pub fn guards(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Identity(guard) | Piece::Attribute(guard, _) => Some(&**guard),
            Piece::Literal(_) | Piece::Param(_) => None,
        })
    }

    /// Names of the parameters that it asks for.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Param(name) => Some(name.as_str()),
            Piece::Literal(_) | Piece::Identity(_) | Piece::Attribute(..) => None,
        })
    }

    /// The value, if it is the same for all streams.
    pub fn fixed(&self) -> Option<String> {
        let literal = |piece: &Piece| match piece {
            Piece::Literal(text) => Some(text.clone()),
            Piece::Param(_) | Piece::Identity(_) | Piece::Attribute(..) => None,
        };
        self.pieces.iter().map(literal).collect()
    }

    pub(crate) fn render(&self, params: &Params<'_>, sessions: &[Arc<Session>]) -> Vec<u8> {
        let mut value = Vec::new();
        for piece in &self.pieces {
            value.extend_from_slice(match piece {
                Piece::Literal(text) => text.as_bytes(),
                Piece::Param(name) => {
                    params.iter().find(|(param, _)| param == name).map_or(&[], |(_, octets)| octets)
                }
                Piece::Identity(guard) => {
                    session::of_guard(sessions, guard).map_or(&[], |session| session.identity.as_bytes())
                }
                Piece::Attribute(guard, name) => session::of_guard(sessions, guard)
                    .and_then(|session| session.attributes.iter().find(|(known, _)| known == name))
                    .map_or(&[], |(_, value)| value.as_bytes()),
            });
        }
        value
    }
}

impl Piece {
    fn parse(expression: &str, namespace: &str) -> Option<Self> {
        if let Some(name) = expression.strip_prefix("params.") {
            return Some(Self::Param(name.to_owned()));
        }
        let (guard, of_it) = expression.strip_prefix("guarded['")?.split_once("']")?;
        let guard = if guard.contains(':') { guard.to_owned() } else { format!("{namespace}:{guard}") };
        match of_it.strip_prefix(".attributes.") {
            Some(name) => Some(Self::Attribute(guard.into(), name.to_owned())),
            None => (of_it == ".identity").then(|| Self::Identity(guard.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_stand_for_what_is_known_and_else_for_nothing() {
        let session = Arc::new(Session {
            number: 1,
            guard: "n:g".into(),
            identity: "alice".into(),
            roles: Vec::new(),
            attributes: vec![("mail".into(), "a@b".into())],
            expires_unix_ms: None,
            challenge_unix_ms: None,
            credentials: None,
        });
        for (text, expected) in [
            ("/${params.x}?y=${ params.y }${other}", "/7?y="),
            ("${unclosed", "${unclosed"),
            ("${guarded['g'].identity}=${ guarded['n:g'].attributes.mail }", "alice=a@b"),
            ("(${guarded['m:g'].identity}${guarded['g'].attributes.none}${guarded['g'].roles})", "()"),
        ] {
            let template = Template::parse(text, "n");
            let value = template.render(&vec![("x", b"7")], &[Arc::clone(&session)]);
            assert_eq!(String::from_utf8_lossy(&value), expected, "{text}");
        }
        for (text, fixed) in [
            ("plain", Some("plain")),
            ("a${unknown}b", Some("ab")),
            ("a${params.x}", None),
            ("${guarded['g'].identity}", None),
            ("${guarded['g'].attributes.mail}", None),
        ] {
            assert_eq!(Template::parse(text, "n").fixed().as_deref(), fixed, "{text}");
        }
        let asks = Template::parse("${guarded['g'].identity}${guarded['m:h'].attributes.a}", "n");
        assert_eq!(asks.guards().collect::<Vec<_>>(), ["n:g", "m:h"]);
        let asks = Template::parse("${params.x}/${guarded['g'].identity}${params.y}", "n");
        assert_eq!(asks.params().collect::<Vec<_>>(), ["x", "y"]);
    }
}
