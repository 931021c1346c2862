//! Starts images with a container engine, and measures their size.

mod engine;
mod image;
mod network;
mod rounds;

pub(crate) use engine::{EmptyContainer, Engine};
pub(crate) use image::{ImageSize, image_size};
pub(crate) use network::Network;
pub(crate) use rounds::{ContainerSeries, rounds};
