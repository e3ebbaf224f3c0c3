"""What stands around the text of a report, in the language in which the report is written."""

_LANGUAGES = ("de", "fr", "es", "it", "nl", "pt")
_TABLE = {
    "Diagnostic imaging report": (
        "Radiologischer Befund", "Compte rendu d’imagerie", "Informe de diagnóstico por imagen",
        "Referto di diagnostica per immagini", "Verslag van beeldvormend onderzoek",
        "Relatório de diagnóstico por imagem",
    ),
    "Findings": ("Befunde", "Résultats", "Hallazgos", "Reperti", "Bevindingen", "Achados"),
    "Impression": ("Beurteilung", "Conclusion", "Impresión diagnóstica", "Conclusioni", "Conclusie", "Conclusão"),
    "Recommendation": (
        "Empfehlung", "Recommandation", "Recomendación", "Raccomandazione", "Aanbeveling", "Recomendação",
    ),
    "Addendum": ("Nachtrag", "Addendum", "Adenda", "Addendum", "Addendum", "Adenda"),
    "preliminary": ("vorläufig", "provisoire", "preliminar", "preliminare", "voorlopig", "preliminar"),
    "addendum": ("Nachtrag", "addendum", "adenda", "addendum", "addendum", "adenda"),
    "corrected": ("korrigiert", "corrigé", "corregido", "corretto", "gecorrigeerd", "corrigido"),
    "Patient": ("Patient", "Patient", "Paciente", "Paziente", "Patiënt", "Paciente"),
    "Patient ID": (
        "Patientennummer", "Numéro du patient", "Número del paciente", "Numero del paziente", "Patiëntnummer",
        "Número do paciente",
    ),
    "Owner": ("Besitzer", "Propriétaire", "Propietario", "Proprietario", "Eigenaar", "Proprietário"),
    "Study": ("Untersuchung", "Examen", "Estudio", "Esame", "Onderzoek", "Exame"),
    "Pictures": ("Bilder", "Images", "Imágenes", "Immagini", "Beelden", "Imagens"),
    "Page": ("Seite", "Page", "Página", "Pagina", "Pagina", "Página"),
    "Signed by {who} on {when}": (
        "Unterschrieben von {who} am {when}", "Signé par {who} le {when}", "Firmado por {who} el {when}",
        "Firmato da {who} il {when}", "Ondertekend door {who} op {when}", "Assinado por {who} em {when}",
    ),
    "Preliminary, by {who} on {when}": (
        "Vorläufig, von {who} am {when}", "Provisoire, par {who} le {when}", "Preliminar, por {who} el {when}",
        "Preliminare, da {who} il {when}", "Voorlopig, door {who} op {when}", "Preliminar, por {who} em {when}",
    ),
    "Critical finding: please confirm that you have read this.": (
        "Kritischer Befund: Bitte bestätigen Sie, dass Sie dies gelesen haben.",
        "Résultat critique : veuillez confirmer que vous avez lu ceci.",
        "Hallazgo crítico: confirme que lo ha leído.",
        "Reperto critico: si prega di confermare la lettura.",
        "Kritieke bevinding: bevestig dat u dit hebt gelezen.",
        "Achado crítico: confirme que leu isto.",
    ),
}  # fmt: skip


def word(english: str, language: str) -> str:
    """A word or sentence of the report's frame; English where the language has none yet."""
    known = dict(zip(_LANGUAGES, _TABLE[english], strict=True))
    return known.get(language, english)
