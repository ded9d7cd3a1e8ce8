//! raban.
