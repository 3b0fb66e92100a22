//! `${{env.X}}`: textual substitution over the whole file, and the way back to the original text.

use std::ops::Range;

use crate::limits::FILE_BYTES_MAX;
use crate::source::BOM;

/// The text after substitution, with what is needed to point into the text before it.
#[derive(Debug, Default)]
pub(crate) struct Substituted {
    /// What YAML is read from.
    pub(crate) text: String,
    /// Variables that are not set: the name and the octet of its first use in the original text.
    pub(crate) unset: Vec<(String, usize)>,
    spans: Vec<Span>,
}

/// One place where the two texts differ.
#[derive(Debug)]
struct Span {
    /// The variable; empty for what was only left out.
    variable: String,
    original: Range<usize>,
    result: Range<usize>,
}

/// The text after substitution would be larger than [`FILE_BYTES_MAX`]; holds the octet of the
/// expression that makes it so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge(pub(crate) usize);

/// Replaces each `${{env.X}}` by what `env` says, and by nothing if it says nothing. Other contexts
/// and half-written expressions stay as they are.
pub(crate) fn substitute(
    original: &str,
    env: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<Substituted, TooLarge> {
    let mut out = Substituted::default();
    let mut copied = 0;
    if original.starts_with(BOM) {
        copied = BOM.len_utf8();
        out.spans.push(Span { variable: String::new(), original: 0..copied, result: 0..0 });
    }
    let mut from = copied;
    while let Some(found) = original[from..].find(OPEN) {
        let start = from + found;
        let Some((variable, length)) = expression(&original[start..]) else {
            from = start + OPEN.len();
            continue;
        };
        out.text.push_str(&original[copied..start]);
        let value = env(variable).unwrap_or_else(|| {
            if out.unset.iter().all(|(known, _)| known != variable) {
                out.unset.push((variable.to_owned(), start));
            }
            String::new()
        });
        let result_start = out.text.len();
        out.text.push_str(&value);
        if out.text.len() > FILE_BYTES_MAX {
            return Err(TooLarge(start));
        }
        copied = start + length;
        from = copied;
        out.spans.push(Span {
            variable: variable.to_owned(),
            original: start..copied,
            result: result_start..out.text.len(),
        });
    }
    out.text.push_str(&original[copied..]);
    if out.text.len() > FILE_BYTES_MAX {
        return Err(TooLarge(original.len()));
    }
    Ok(out)
}

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// The variable and the length of the `${{env.X}}` that `text` starts with.
fn expression(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix(OPEN)?.trim_start();
    let after_context = inside.strip_prefix("env.")?;
    let name_end = after_context.find(|c: char| c.is_whitespace() || c == '}')?;
    let (name, rest) = after_context.split_at(name_end);
    let rest = rest.trim_start().strip_prefix(CLOSE)?;
    (!name.is_empty()).then_some((name, text.len() - rest.len()))
}

impl Substituted {
    /// Where the octet at `offset` of the result comes from. All of a substituted value comes from
    /// the start of its expression.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let after = self.spans.partition_point(|span| span.result.start <= offset);
        let Some(span) = after.checked_sub(1).and_then(|last| self.spans.get(last)) else {
            return offset;
        };
        let inside = offset < span.result.end || offset == span.result.start && !span.variable.is_empty();
        if inside { span.original.start } else { span.original.end + (offset - span.result.end) }
    }

    /// Whether anything was substituted.
    pub(crate) fn has_variables(&self) -> bool {
        self.spans.iter().any(|span| !span.variable.is_empty())
    }

    /// The variable that the scalar at octet `start` of the original text took its value from, so
    /// far as that can be seen: an expression follows on the line with no comma before it, or the
    /// scalar repeats the value of one.
    pub(crate) fn variable_behind(&self, original: &str, start: usize, scalar: &str) -> Option<&str> {
        let rest = original.get(start..)?;
        let line_end = start + rest.find('\n').unwrap_or(rest.len());
        self.spans
            .iter()
            .filter(|span| !span.variable.is_empty())
            .find(|span| {
                let value = &self.text[span.result.clone()];
                let repeats = !value.trim().is_empty() && scalar.contains(value.trim());
                let before =
                    original.get(start..span.original.start).filter(|_| span.original.start < line_end);
                before.is_some_and(|before| repeats || !before.contains(','))
                    || repeats && value.len() >= TELLING_BYTES
            })
            .map(|span| span.variable.as_str())
    }
}

/// A substituted value this long is not in some other scalar by chance.
const TELLING_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(original: &str) -> Substituted {
        let mut env = |name: &str| match name {
            "PORT" => Some("7114".to_owned()),
            "LINES" => Some("a: 1\nb: 2".to_owned()),
            _ => None,
        };
        substitute(original, &mut env).unwrap()
    }

    #[test]
    fn a_set_variable_takes_the_place_of_its_expression() {
        assert_eq!(with("port: ${{env.PORT}}").text, "port: 7114");
        assert_eq!(with("port: ${{  env.PORT }}-x").text, "port: 7114-x");
        assert_eq!(with("${{env.PORT}}${{env.PORT}}").text, "71147114");
    }

    #[test]
    fn an_unset_variable_is_empty_and_reported_once() {
        let out = with("a: ${{env.NONE}}\nb: ${{env.NONE}}");
        assert_eq!(out.text, "a: \nb: ");
        assert_eq!(out.unset, [("NONE".to_owned(), 3)]);
    }

    #[test]
    fn other_contexts_and_unfinished_expressions_stay() {
        for text in ["${{aws.X}}", "${{env.}}", "${{env.X", "${{env.X}", "${params.id}", "${{", "${{ ${{"] {
            assert_eq!(with(text).text, text);
        }
        assert_eq!(with("${{ ${{env.PORT}}").text, "${{ 7114");
    }

    #[test]
    fn offsets_lead_back_to_the_original() {
        let out = with("x${{env.PORT}}y${{env.NONE}}z");
        assert_eq!(out.text, "x7114yz");
        let back: Vec<usize> = (0..=out.text.len()).map(|offset| out.original(offset)).collect();
        assert_eq!(back, [0, 1, 1, 1, 1, 14, 15, 29]);
        let lines = with("${{env.LINES}}\nc: 3");
        assert_eq!(lines.original(lines.text.find("c:").unwrap()), 15);
    }

    #[test]
    fn a_byte_order_mark_is_left_out() {
        let out = with("\u{feff}a: b");
        assert_eq!(out.text, "a: b");
        assert_eq!(out.original(0), 3);
    }

    #[test]
    fn a_text_that_grows_too_large_is_refused() {
        let mut env = |_: &str| Some("x".repeat(FILE_BYTES_MAX / 2));
        let refused = substitute("a${{env.X}}\n${{env.X}}\n${{env.X}}", &mut env);
        assert_eq!(refused.unwrap_err(), TooLarge(12));
    }
}
