//! YAML documents with places.
