//! Mail data: dot decoding and encoding, strict CRLF, policy for bare CR and LF (RFC 5321 sections 4.5.2 and 2.3.8).
//!
//! This is where SMTP smuggling is stopped. RFC 5321 section 4.1.1.4: "The custom of accepting lines ending only in
//! `<LF>` [...] has proven to cause more interoperability problems than it solves, and SMTP server systems MUST NOT do
//! this, even in the name of improved robustness." Only CRLF "." CRLF ends the mail data. What a lenient relay might
//! take for an end (`LF.LF`, `LF.CRLF`, `CRLF.LF` ...) is text here, and leaves as text: decoded messages hold no bare
//! CR or LF, and the encoder stuffs a dot after every LF, wherever that came from.

mod decode;
mod encode;

pub use self::{
    decode::{DataDecoder, StrayNewlines},
    encode::DataEncoder,
};
