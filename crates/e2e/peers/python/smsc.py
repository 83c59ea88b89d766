"""Another house's client (smpplib) against the test carrier: binds, texts, parts, receipts."""
import os

import smpplib.client
import smpplib.consts
import smpplib.gsm

PORT = int(os.environ["SMPP_PORT"])
receipts, texts, ids = [], [], {}


def received(pdu):
    if pdu.esm_class & 0x3C == 0x04:
        receipts.append(pdu.short_message.decode())
    else:
        texts.append(pdu.short_message)
    return 0


client = smpplib.client.Client("127.0.0.1", PORT, timeout=10, allow_unknown_opt_params=True)
client.set_message_received_handler(received)
client.set_message_sent_handler(lambda pdu: ids.__setitem__(pdu.sequence, pdu.message_id.decode()))
client.connect()
try:
    client.bind_transceiver(system_id="tester", password="wrong")
    raise AssertionError("a wrong password was taken")
except smpplib.exceptions.PDUError as error:
    assert error.args[1] == smpplib.consts.SMPP_ESME_RINVPASWD, error
client.disconnect()
client.connect()
client.bind_transceiver(system_id="tester", password="right")

body = "A long text in several parts, [€] included. " * 6
parts, coding, esm_class = smpplib.gsm.make_parts(body)
assert len(parts) == 2, len(parts)
for part in parts:
    client.send_message(
        source_addr_ton=5, source_addr_npi=0, source_addr="Tester",
        dest_addr_ton=1, dest_addr_npi=1, destination_addr="447700900111",
        short_message=part, data_coding=coding, esm_class=esm_class, registered_delivery=1,
    )
while len(ids) < 2 or len(receipts) < 2 or len(texts) < 2:
    client.read_once()
assert all("stat:DELIVRD" in receipt for receipt in receipts), receipts
assert {receipt.split()[0] for receipt in receipts} == {f"id:{i}" for i in ids.values()}
assert sorted(texts) == sorted(parts), "the handset's echo is the text itself"
client.unbind()
client.disconnect()
