"""Both ends of the vendor link."""
