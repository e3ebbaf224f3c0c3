"""The box's end of the vendor link. It calls out and is never called; it never reads a patient's data."""
