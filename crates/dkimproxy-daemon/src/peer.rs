//! A stream with a line reader and deadlines, used for both sides of a session; and where such a stream leads to.

mod endpoint;

pub use endpoint::{Endpoint, EndpointError};
