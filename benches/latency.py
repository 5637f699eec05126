"""What AWS takes to answer, so that the bench can show what a chain of calls comes to there, however fast the emulator is.

These are assumptions about a function in the same Region, not measurements: what a call takes beyond them on AWS it takes
for everyone who is compared. Where AWS has published something, it stands beside the number.
"""

from __future__ import annotations

# By the names of `wiretap.SERVICES`: milliseconds from a request to its answer on a connection that is there.
MILLISECONDS = {
    # "Single-digit millisecond": https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html
    "DYNAMODB": 5,
    # Nothing published.
    "KMS": 8,
    # Nothing published of the calls about buckets. Of objects, 100 to 200 until the first byte:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    "S3": 25,
    "S3_CONTROL": 25,
    # Nothing published.
    "EC2": 80,
    # Of a message until it is delivered, "typically under 30": https://aws.amazon.com/sns/faqs/
    "SNS": 15,
    # Nothing published.
    "SQS": 15,
}

# Of all others: nothing published.
OTHERS = 30

# Between two availability zones of a Region; nothing published but "single-digit millisecond":
# https://aws.amazon.com/about-aws/global-infrastructure/regions_az/
ROUND_TRIP = 1

# TCP's and TLS 1.3's, each one round trip: https://www.rfc-editor.org/rfc/rfc8446#section-2
HANDSHAKE = 2 * ROUND_TRIP


def of(service: str) -> float:
    """Seconds until a service answers."""
    return MILLISECONDS.get(service, OTHERS) / 1000
