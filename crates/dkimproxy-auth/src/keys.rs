//! Fetches the key records that a verifier asks for.
