//! Authentication-Results (RFC 8601): writes the field, and recognizes those that claim to be ours.
