//! The accept loop, over real sockets.

use crate::{
    relay::Newlines,
    world::{TestFilter, World},
};
