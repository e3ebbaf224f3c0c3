"""What an e-mail about news says, in the language of the box: numbers, and nothing of any patient."""

from typing import NamedTuple


class MailWords(NamedTuple):
    """One language's; `{}` is a number or what has come."""

    reports: tuple[str, str]
    questions: tuple[str, str]
    both: str
    critical: str
    whence: str
    body: str


_BY_LANGUAGE = {
    "en": MailWords(
        ("1 report", "{} reports"),
        ("1 question", "{} questions"),
        "{} and {}",
        ", {} critical",
        "{} from the reader",
        "Log in to the box to read it. This message holds no patient data.",
    ),
    "de": MailWords(
        ("1 Befund", "{} Befunde"),
        ("1 Rückfrage", "{} Rückfragen"),
        "{} und {}",
        ", {} kritisch",
        "{} vom Befunder",
        "Melden Sie sich an der Box an, um das zu lesen. Diese Nachricht enthält keine Patientendaten.",
    ),
    "es": MailWords(
        ("1 informe", "{} informes"),
        ("1 pregunta", "{} preguntas"),
        "{} y {}",
        ", {} de urgencia crítica",
        "{} del radiólogo",
        "Inicie sesión en el equipo para leerlo. Este mensaje no contiene datos de pacientes.",
    ),
    "fr": MailWords(
        ("1 compte rendu", "{} comptes rendus"),
        ("1 question", "{} questions"),
        "{} et {}",
        ", dont {} critique",
        "{} du radiologue",
        "Connectez-vous au boîtier pour le lire. Ce message ne contient aucune donnée de patient.",
    ),
}


def mail_words(language: str | None) -> MailWords:
    """Those of a language, else English."""
    return _BY_LANGUAGE.get(language or "en", _BY_LANGUAGE["en"])


def news_in_words(reports: int, questions: int, critical: int, words: MailWords) -> str:
    """'2 reports and 1 question from the reader, 1 critical'; reports or questions are at least one."""
    counted = ((reports, words.reports), (questions, words.questions))
    parts = [(one if number == 1 else more).format(number) for number, (one, more) in counted if number]
    what = words.both.format(*parts) if len(parts) > 1 else parts[0]
    return words.whence.format(what) + (words.critical.format(critical) if critical else "")
