//! Reads the configuration file.
