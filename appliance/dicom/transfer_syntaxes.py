"""Transfer syntaxes that the box refuses on the network; every other one is taken and stored as it comes.

Deflate expands without bound (408 KB on the wire grew a process to 861 MiB), so no form of it is accepted.
"""

REFUSED = frozenset(
    {
        "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
        "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
    }
)

# What any stored image can be sent in, the better one first: Explicit and Implicit VR Little Endian
SENDABLE = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")

# May be lossy: JPEG, near-lossless JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, each in the syntax that allows it
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 81, 91, 203, 111, 112))
