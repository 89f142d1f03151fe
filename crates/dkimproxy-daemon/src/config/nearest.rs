//! "Did you mean ...?"
