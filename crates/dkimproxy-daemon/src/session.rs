//! One client connection, told top to bottom.
