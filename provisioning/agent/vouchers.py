"""Activation without the internet: a signed file on a USB stick binds the box to its clinic and brings settings."""

from appliance.clock import now
from provisioning.agent.desired import Desired, refusal
from provisioning.agent.membership import Membership
from provisioning.agent.memory import Memory
from provisioning.protocol.documents import SettingsDocument, VoucherDocument, open_document
from provisioning.protocol.refused import DocumentRefused


def activate(raw: bytes, *, membership: Membership, memory: Memory, desired: Desired) -> str:
    """Follow a voucher once; returns the clinic's name. Raises DocumentRefused."""
    trust = membership.trust
    memory.bind(trust.serial)
    voucher = open_document(
        raw,
        keys=trust.document_keys(),
        kind="voucher",
        serial=trust.serial,
        after_version=memory.last_version("voucher"),
        at=now(),
    )
    if not isinstance(voucher, VoucherDocument) or voucher.identity != membership.identity.fingerprint:
        raise DocumentRefused(reason="another-box")
    if reason := refusal(voucher.values):
        raise DocumentRefused(reason=reason)
    memory.begin("voucher", voucher.version, "voucher")
    memory.set("clinic", voucher.clinic)
    if voucher.values:
        desired.take(SettingsDocument(voucher.serial, voucher.version, voucher.expires, voucher.values))
    memory.finish("voucher", voucher.version, done=True)
    return voucher.clinic
