//! The same start as a container engine gives it, and what an image weighs.

mod engine;
mod image;
mod measure;
mod run;

use engine::{EmptyContainer, Engine};
pub(crate) use image::ImageSize;
use image::image_size;
pub(crate) use measure::{check, measure};
pub(crate) use run::Network;
use run::{ContainerRow, rounds};
