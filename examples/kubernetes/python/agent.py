"""An agent in Python, with its standard library alone: it exchanges the projected token, and calls an API with what it gets."""

import json
import os
import sys
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

with open("/var/run/secrets/counterseal/token", encoding="ascii") as file:
    evidence = file.read()

form = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "subject_token": evidence,
    "resource": os.environ["RESOURCE"],
    "scope": "read:calendar",
}
try:
    with urlopen(os.environ["ISSUER"] + "/token", urlencode(form).encode(), timeout=10) as answer:
        token = json.load(answer)["access_token"]
    call = Request(os.environ["API"], headers={"Authorization": f"Bearer {token}"})
    with urlopen(call, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except HTTPError as error:
    sys.exit(f"{error.code} {error.read().decode()}")
