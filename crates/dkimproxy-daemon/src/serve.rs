//! Accepts connections, within limits, and drains them at the end.
