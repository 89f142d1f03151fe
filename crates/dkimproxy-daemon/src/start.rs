//! From arguments to a serving daemon: configuration, log, bind, drop privileges, serve.
