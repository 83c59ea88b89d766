"""Who hears whom: each party plays a tone of its own, and what reaches the others is looked at."""
import threading

from peer import wait_for
from phones import calls, heard, live, phone, play, power, tone

# No tone is another one's harmonic, nor one of the keys'.
HERTZ = [480, 640, 830, 1080, 1400, 1820, 2240]


class Party:
    """A handset in a call, with a tone of its own that it plays for the whole call."""

    def __init__(self, number, hertz):
        self.number, self.hertz = number, hertz

    def calls(self, ours):
        """Calls one of our numbers."""
        self.call = phone(self.number, to=ours)["id"]
        live(self.number)
        return self.hums()

    def answers(self):
        """Takes the call that rings."""
        live(self.number, "ringing")
        return self.takes()

    def takes(self):
        self.call = phone(self.number, action="answer")["id"]
        live(self.number)
        return self.hums()

    def hums(self):
        play(self.number, tone(self.hertz, 120))
        return self

    @property
    def sid(self):
        return wait_for("the call's SID", lambda: calls(self.number)[-1]["sid"])

    def mark(self):
        return len(heard(self.number, self.call))

    def since(self, mark, ms=400):
        """What it hears of the next milliseconds."""
        until = mark + 8 * ms
        wait_for(f"{ms} ms at {self.number}", lambda: self.mark() >= until)
        return heard(self.number, self.call)[mark:until]

    def is_over(self):
        return live(self.number, "ended")


def tones(audio, among):
    """The tones that are in it, each with a good part of what is heard."""
    floor = 0.5 / max(len(among), 1) ** 1.2
    return {hertz for hertz in among if power(audio, hertz) > floor * 0.5}


def hears(parties, expected, seconds=15):
    """Waits until each party hears the tones of exactly those whom it should; fails with what is heard instead."""
    among = [party.hertz for party in parties]
    found = {}

    def listens(party, mark, into):
        into[party.number] = tones(party.since(mark), among)

    def fits():
        found.clear()
        threads = [threading.Thread(target=listens, args=(party, party.mark(), found)) for party in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(found[party.number] == {other.hertz for other in others} for party, others in expected.items())

    try:
        wait_for("who hears whom", fits, seconds)
    except AssertionError as error:
        named = {party.hertz: party.number for party in parties}
        told = {number: sorted(named[hertz] for hertz in heard) for number, heard in found.items()}
        raise AssertionError(f"{error}: {told}") from None
