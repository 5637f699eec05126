"""Who is who on the local AWS."""

ACCOUNT = "111122223333"

# The management account of the organization that ACCOUNT is in.
MANAGEMENT = "555566667777"
