/*
 * SDDL, checked: "D:flags(ace)(ace)..." with an optional owner, group and system list. Wine keeps
 * no security descriptor for a device; a string that Windows would refuse is refused here too.
 */
#include "fx.h"

typedef struct _CURSOR {
    const WCHAR *Next;
    const WCHAR *End;
} CURSOR;

static const char AceTypes[] = "A D OA OD AU AL OU OL ML XA XD XU ZA RA SP TL FL ";
static const char AceFlags[] = "CIOINPIOIDSAFATPCR";
static const char Rights[] = "GAGRGWGXRCSDWDWORPWPCCDCLCSWLODTCRFAFRFWFXKAKRKWKXNRNWNX";
static const char Sids[] =
    "AAACADAGAPASANAOASAUBABGBOBUBWCACDCGCNCOCYDADCDDDGDUEAEDEKERESHAHIHOHOIS"
    "IUKALALGLSLWMEMPMSMUNONSNUOWPAPOPSPUROSASISOSSSUSYTDUDUSWDWRRARCRDRERM";

static BOOLEAN Take(CURSOR *Cursor, WCHAR Wanted)
{
    if (Cursor->Next == Cursor->End || *Cursor->Next != Wanted) {
        return FALSE;
    }
    Cursor->Next++;
    return TRUE;
}

/* A two-letter code out of a table of such codes. */
static BOOLEAN TakeCode(CURSOR *Cursor, const char *Table)
{
    const char *Code;

    if (Cursor->End - Cursor->Next < 2) {
        return FALSE;
    }
    for (Code = Table; Code[0] != '\0' && Code[1] != '\0'; Code += 2) {
        if (Cursor->Next[0] == (WCHAR)Code[0] && Cursor->Next[1] == (WCHAR)Code[1]) {
            Cursor->Next += 2;
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN IsHexDigit(WCHAR Char)
{
    return (Char >= L'0' && Char <= L'9') || (Char >= L'a' && Char <= L'f') ||
           (Char >= L'A' && Char <= L'F');
}

static BOOLEAN TakeNumber(CURSOR *Cursor)
{
    const WCHAR *First;

    if (Take(Cursor, L'0')) {
        if (!Take(Cursor, L'x') && !Take(Cursor, L'X')) {
            return TRUE;
        }
    }
    First = Cursor->Next;
    while (Cursor->Next < Cursor->End && IsHexDigit(*Cursor->Next)) {
        Cursor->Next++;
    }
    return Cursor->Next > First;
}

static BOOLEAN TakeSid(CURSOR *Cursor)
{
    ULONG Parts = 0;

    if (Cursor->End - Cursor->Next >= 2 && Cursor->Next[0] == L'S' && Cursor->Next[1] == L'-') {
        Cursor->Next++;
        while (Take(Cursor, L'-')) {
            if (!TakeNumber(Cursor)) {
                return FALSE;
            }
            Parts++;
        }
        return Parts >= 3;
    }
    return TakeCode(Cursor, Sids);
}

static BOOLEAN TakeAceType(CURSOR *Cursor)
{
    const char *Type;

    for (Type = AceTypes; *Type != '\0'; Type += Type[1] == ' ' ? 2 : 3) {
        ULONG Length = Type[1] == ' ' ? 1 : 2;
        if (Cursor->End - Cursor->Next > (LONG_PTR)Length && Cursor->Next[0] == (WCHAR)Type[0] &&
            (Length == 1 || Cursor->Next[1] == (WCHAR)Type[1]) && Cursor->Next[Length] == L';') {
            Cursor->Next += Length;
            return TRUE;
        }
    }
    return FALSE;
}

/* type;flags;rights;object;inherited object;sid */
static BOOLEAN TakeAce(CURSOR *Cursor)
{
    if (!TakeAceType(Cursor) || !Take(Cursor, L';')) {
        return FALSE;
    }
    while (TakeCode(Cursor, AceFlags)) {
    }
    if (!Take(Cursor, L';')) {
        return FALSE;
    }
    if (Cursor->Next < Cursor->End && *Cursor->Next >= L'0' && *Cursor->Next <= L'9') {
        if (!TakeNumber(Cursor)) {
            return FALSE;
        }
    } else {
        while (TakeCode(Cursor, Rights)) {
        }
    }
    /* Object GUIDs do not belong to devices. */
    if (!Take(Cursor, L';') || !Take(Cursor, L';') || !Take(Cursor, L';')) {
        return FALSE;
    }
    return TakeSid(Cursor) && Take(Cursor, L')');
}

static BOOLEAN TakeList(CURSOR *Cursor)
{
    while (Take(Cursor, L'P') || TakeCode(Cursor, "ARAI")) {
    }
    while (Take(Cursor, L'(')) {
        if (!TakeAce(Cursor)) {
            return FALSE;
        }
    }
    return TRUE;
}

BOOLEAN FxSddlIsValid(PCUNICODE_STRING Sddl)
{
    CURSOR Cursor = {Sddl->Buffer, Sddl->Buffer + Sddl->Length / sizeof(WCHAR)};
    BOOLEAN HasDacl = FALSE;
    BOOLEAN Good = TRUE;

    while (Good && Cursor.Next < Cursor.End) {
        WCHAR Part = *Cursor.Next++;
        Good = Take(&Cursor, L':');
        switch (Part) {
        case L'O':
        case L'G':
            Good = Good && TakeSid(&Cursor);
            break;
        case L'D':
            HasDacl = TRUE;
            Good = Good && TakeList(&Cursor);
            break;
        case L'S':
            Good = Good && TakeList(&Cursor);
            break;
        default:
            return FALSE;
        }
    }
    return Good && HasDacl;
}
