//! A request in whichever version of HTTP it came: what is looked at before it is handed on, and what its exit is
//! told besides.

use crate::access::{Asking, Grant, Verdict};
use crate::forwarded::Way;
use crate::options::{HttpExpect, HttpOptions};
use crate::status::Refusal;
use crate::target::Scheme;
use zilla_sdk::AttributesWriter;

/// A request whose framing is known, whose authority and target are valid.
pub(crate) trait AnyRequest {
    fn method(&self) -> &str;

    fn scheme(&self) -> Scheme;

    /// The version as a `via` has it.
    fn version(&self) -> &'static str;

    /// Hands the authority to `take`, as `host:port` in lower case.
    fn with_authority<R>(&self, take: impl FnOnce(Option<&[u8]>) -> R) -> R;

    /// The values of all fields of that name, which is in lower case, in order.
    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]>;

    /// The same without fields that are of this connection alone.
    fn values_handed_on<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]>;

    /// The value of that field; none if there are several, for they may not say the same.
    fn only<'s>(&'s self, name: &'s str) -> Result<Option<&'s [u8]>, Refusal> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Refusal::bad_request("a field is there more than once")),
        }
    }
}

/// Decides whether a web page may ask: the answer is what a request that passes gives its response.
pub(crate) fn judge(options: &HttpOptions, request: &impl AnyRequest) -> Result<Verdict, Refusal> {
    let Some(control) = &options.access_control else { return Ok(Verdict::Pass(Grant::default())) };
    request.with_authority(|authority| {
        control.judge(&Asking {
            method: request.method(),
            scheme: request.scheme(),
            authority,
            origin: request.only("origin")?,
            requested_method: request.only("access-control-request-method")?,
            requested_headers: request.only("access-control-request-headers")?,
        })
    })
}

/// What a client waits for before it sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// Nothing, or no more.
    Nothing,
    /// `100 Continue`, from here.
    Ours,
    /// `100 Continue`, from the exit.
    Exits,
}

impl Expects {
    /// By the options, of a client that waits or does not.
    pub(crate) fn of(waits: bool, options: &HttpOptions) -> Self {
        match options.expect {
            _ if !waits => Self::Nothing,
            HttpExpect::Answer => Self::Ours,
            HttpExpect::Pass => Self::Exits,
        }
    }
}

/// What an exit is told besides the request itself.
pub(crate) struct Added<'a> {
    pub(crate) options: &'a HttpOptions,
    /// The address that the connection comes from, if it is known.
    pub(crate) address: Option<&'a str>,
    pub(crate) expects: Expects,
    /// The protocols that the exit may switch to.
    pub(crate) upgrade: Option<&'a [u8]>,
}

impl Added<'_> {
    /// Whether fields of the client may be left out, for they are set here.
    pub(crate) fn replaces_some(&self) -> bool {
        !self.options.forwarded.headers.is_empty()
    }

    /// Whether a field of the client is left out.
    pub(crate) fn replaces(&self, name: &[u8]) -> bool {
        self.options.forwarded.replaces(name)
    }

    /// Writes what goes behind the client's own fields.
    pub(crate) fn write(&self, request: &impl AnyRequest, attributes: &mut AttributesWriter<'_>) {
        if self.replaces_some() {
            let joined = |name: &'static str| {
                let values: Vec<&[u8]> = request.values_handed_on(name).collect();
                // RFC 9110, 5.3: several fields are one list.
                (!values.is_empty()).then(|| values.join(&b", "[..]))
            };
            request.with_authority(|authority| {
                let way = Way { address: self.address, scheme: request.scheme().as_str(), authority };
                self.options.forwarded.write(&way, joined, attributes);
            });
        }
        if let Some(name) = &self.options.via {
            attributes.push("via", format!("{} {name}", request.version()));
        }
        if self.expects == Expects::Exits {
            attributes.push("expect", "100-continue");
        }
        if let Some(protocols) = self.upgrade {
            attributes.push("upgrade", protocols);
        }
    }
}
