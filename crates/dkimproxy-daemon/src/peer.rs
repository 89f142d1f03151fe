//! A stream with a line reader and deadlines, used for both sides of a session.
