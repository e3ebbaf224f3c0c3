"""The attributes of a study and of a series, for `includefield=all` (PS3.3 C.7.1.1, C.7.2, C.7.3, C.7.5)."""

PATIENT_AND_STUDY = (
    # Patient, C.7.1.1
    *("PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID"),
    *("PatientBirthDate", "PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence"),
    *("OtherPatientNames", "EthnicGroup", "PatientComments", "QualityControlSubject", "PatientIdentityRemoved"),
    *("DeidentificationMethod", "DeidentificationMethodCodeSequence", "ResponsiblePerson", "ResponsiblePersonRole"),
    *("ResponsibleOrganization", "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "StrainDescription"),
    *("PatientBreedDescription", "PatientBreedCodeSequence", "BreedRegistrationSequence"),
    # General Study, C.7.2.1
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
    *("IssuerOfAccessionNumberSequence", "StudyDescription", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy"),
    *(
        "RequestingService",
        "ReferencedStudySequence",
        "ProcedureCodeSequence",
        "ReasonForPerformedProcedureCodeSequence",
    ),
    *("ReferringPhysicianIdentificationSequence", "ConsultingPhysicianName", "TimezoneOffsetFromUTC"),
    # Patient Study, C.7.2.2
    *("AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge", "PatientSize", "PatientWeight"),
    *("MedicalAlerts", "Allergies", "SmokingStatus", "PregnancyStatus", "LastMenstrualDate", "PatientState"),
    *("PatientSexNeutered", "Occupation", "AdditionalPatientHistory", "AdmissionID", "ReasonForVisit"),
)
SERIES = (
    # General Series, C.7.3.1
    *("Modality", "SeriesInstanceUID", "SeriesNumber", "Laterality", "SeriesDate", "SeriesTime", "SeriesDescription"),
    *("SeriesDescriptionCodeSequence", "PerformingPhysicianName", "OperatorsName", "ProtocolName", "BodyPartExamined"),
    *("PatientPosition", "RequestAttributesSequence", "PerformedProcedureStepID", "PerformedProcedureStepDescription"),
    *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "PerformedProcedureStepEndDate"),
    *("PerformedProcedureStepEndTime", "PerformedProtocolCodeSequence", "AnatomicalOrientationType"),
    # General Equipment, C.7.5.1
    *("Manufacturer", "InstitutionName", "InstitutionAddress", "StationName", "InstitutionalDepartmentName"),
    *("ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "GantryID", "SpatialResolution"),
    *("DateOfLastCalibration", "TimeOfLastCalibration"),
)
