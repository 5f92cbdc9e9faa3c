"""Which model on a server writes answers, and how long one waits for it. Loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from lcirc_cli.endpoints.address import Address
from lcirc_cli.errors import UsageError
from lcirc_cli.settings import setting


@dataclass(frozen=True)
class ReaderSettings:
    """A model behind an OpenAI-compatible server, which reads passages and writes the answer.

    Attributes:
        reader: the server's address, e.g. http://localhost:11434/v1; None: nothing is sent.
        reader_model: the model's name there.
        timeout: seconds for one request, from its first byte to its last.
        patience: seconds of trouble before giving up.
        in_flight: requests at the same time; None takes 4 for questions, 1 for a summary, which
            then repeats at most one when it was interrupted.
    """

    reader: str | None = setting(
        None,
        metavar="URL",
        help="Let a model on this OpenAI-compatible server write the answer; the best passages "
        "are sent there.",
    )
    reader_model: str | None = setting(None, metavar="NAME", help="The model's name there.")
    timeout: float = setting(300.0, least=0.001, metavar="S", help="Seconds for one request.")
    patience: float = setting(60.0, least=0, metavar="S", help="Seconds of trouble to wait out.")
    in_flight: int | None = setting(
        None, least=1, metavar="N", help="Requests at the same time (4; 1 for --summarise)."
    )

    @property
    def address(self) -> Address:
        """Raises UsageError where there is none."""
        if self.reader is None:
            raise UsageError("there is no reader: name its server with --reader URL")
        return Address(self.reader)

    def validate(self, *, offline: bool = False) -> None:
        """Raises UsageError with the first setting that can't be used.

        Args:
            offline: text may not leave this machine.
        """
        if self.reader is None:
            if self.reader_model is not None:
                raise UsageError("--reader-model needs the server that has it: --reader URL")
            return
        address = self.address
        if not self.reader_model:
            raise UsageError(f"which model of {address} is to answer? Name it: --reader-model NAME")
        if offline and not address.is_here:
            raise UsageError(f"--offline forbids a reader on another machine ({address.host})")
        for name, least in (("timeout", 0.001), ("patience", 0), ("in_flight", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value < float("inf"):
                raise UsageError(f"{name.replace('_', '-')} must be {least} or more, not {value}")
