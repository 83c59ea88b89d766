"""The official validator on signatures that were made by Trunkline."""
import json
import os

from twilio.request_validator import RequestValidator


class Form(dict):
    """As web frameworks give a form: a name may have several values."""

    def getlist(self, name):
        return self[name]


validator = RequestValidator(os.environ["TOKEN"])
for vector in json.loads(os.environ["VECTORS"]):
    url, signature = vector["url"], vector["signature"]
    if "body" in vector:
        assert validator.validate(url, vector["body"], signature), vector
        assert not validator.validate(url, vector["body"] + " ", signature), vector
        continue
    form = Form()
    for name, value in vector["form"]:
        form.setdefault(name, []).append(value)
    assert validator.validate(url, form, signature), vector
    assert not validator.validate(url, Form({**form, "More": ["x"]}), signature), vector
    assert not validator.validate(url + "x", form, signature), vector
