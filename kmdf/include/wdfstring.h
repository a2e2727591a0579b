/* String objects. PASSIVE_LEVEL. */
#ifndef KMDF_WDFSTRING_H
#define KMDF_WDFSTRING_H

WDF_FUNCTION(NTSTATUS, WdfStringCreate,
             (PCUNICODE_STRING UnicodeString, PWDF_OBJECT_ATTRIBUTES StringAttributes,
              WDFSTRING *String),
             (UnicodeString, StringAttributes, String))
/* The result points into the object and lives as long. */
WDF_FUNCTION(VOID, WdfStringGetUnicodeString, (WDFSTRING String, PUNICODE_STRING UnicodeString),
             (String, UnicodeString))

#endif
