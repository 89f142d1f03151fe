//! Where a message waits for its end: memory up to a size, then an unlinked file.
