"""Conversations of known outcome, in legal orders of lines: none is told better than it ended."""

import json
import os
import random

import tracevault as tv
from conversations import BADNESS, Maker, faults, reply

#: How many conversations; `make test-story` asks for 100,000.
CONVERSATIONS = int(os.environ.get("TRACEVAULT_CONVERSATIONS", "1500"))


def test_no_conversation_is_told_better_than_it_ended() -> None:
    found, exact, truths = [], 0, set()
    for seed in range(CONVERSATIONS):
        conversation = Maker(seed).make()
        dice = random.Random(-1 - seed)
        has_times = dice.random() < 0.85
        document = tv.decode(json.dumps(reply(conversation, dice, has_times)).encode()).to_dict()
        wrong = faults(conversation, document["summary"], has_times)
        if wrong:
            found.append((seed, wrong))
        recipients = document["summary"]["recipients"]
        told = {part["address"].lower(): part["state"] for part in recipients}
        exact += all(
            told.get(to) == state or (state == "expanded" and told.get(to) == "accepted_by_filter")
            for to, state in conversation.truth.items()
        )
        truths |= set(conversation.truth.values())
    print(f"{CONVERSATIONS} conversations, {exact} told exactly, {len(found)} wrong")
    assert found == []
    # The worse outcome is the exception.
    assert exact > CONVERSATIONS * 0.9
    assert truths >= {"sent", "bounced", "deferred", "expired", "held", "deleted", "discarded"}
    assert truths >= {"refused_for_now", "accepted_by_filter"} and truths <= set(BADNESS)
