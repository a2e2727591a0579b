#include "object_name.h"

#include "virtualdisk/platform.h"

#include <winternl.h>

#define ANSWER_WAIT_MILLI 250
#define LOST_MAX          16u

#define NAME_BYTES              (sizeof(UNICODE_STRING) + 65536)
#define OBJECT_NAME_INFORMATION 1

/* A thread that asks, and what it shares with us. Nobody frees it while it waits for an answer. */
struct asker {
    HANDLE thread;
    HANDLE asked; /* events that reset themselves */
    HANDLE answered;
    HANDLE object; /* NULL: the thread shall end */
    union {
        UNICODE_STRING string;
        unsigned char bytes[NAME_BYTES];
    } name;
};

struct vdisk_object_namer {
    struct asker *asker; /* NULL: the last one got lost */
    unsigned lost_count;
};

static const wchar_t *query_name(struct asker *asker)
{
    NTSTATUS status =
        NtQueryObject(asker->object, (OBJECT_INFORMATION_CLASS)OBJECT_NAME_INFORMATION,
                      &asker->name, sizeof(asker->name) - sizeof(wchar_t), NULL);
    return status < 0 ? NULL : asker->name.string.Buffer;
}

static DWORD WINAPI answer_questions(void *context)
{
    struct asker *asker = context;
    while (WaitForSingleObject(asker->asked, INFINITE) == WAIT_OBJECT_0 && asker->object != NULL) {
        const wchar_t *name = query_name(asker);
        if (name == NULL)
            asker->name.string = (UNICODE_STRING){.Buffer = (wchar_t *)L""};
        else
            asker->name.string.Buffer[asker->name.string.Length / sizeof(wchar_t)] = L'\0';
        CloseHandle(asker->object);
        SetEvent(asker->answered);
    }
    return 0;
}

static void free_asker(struct asker *asker)
{
    if (asker->thread != NULL)
        CloseHandle(asker->thread);
    if (asker->asked != NULL)
        CloseHandle(asker->asked);
    if (asker->answered != NULL)
        CloseHandle(asker->answered);
    vdisk_free(asker);
}

static struct asker *make_asker(void)
{
    struct asker *asker = vdisk_alloc(sizeof(*asker));
    if (asker == NULL)
        return NULL;
    asker->asked = CreateEventW(NULL, FALSE, FALSE, NULL);
    asker->answered = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (asker->asked != NULL && asker->answered != NULL)
        asker->thread = CreateThread(NULL, 0, answer_questions, asker, 0, NULL);
    if (asker->thread != NULL)
        return asker;
    free_asker(asker);
    return NULL;
}

struct vdisk_object_namer *vdisk_object_namer_make(void)
{
    return vdisk_alloc(sizeof(struct vdisk_object_namer));
}

const wchar_t *vdisk_object_namer_ask(struct vdisk_object_namer *namer, HANDLE object)
{
    if (namer->asker == NULL && namer->lost_count < LOST_MAX)
        namer->asker = make_asker();
    struct asker *asker = namer->asker;
    if (asker == NULL) {
        CloseHandle(object);
        return NULL;
    }
    asker->object = object;
    SetEvent(asker->asked);
    if (WaitForSingleObject(asker->answered, ANSWER_WAIT_MILLI) == WAIT_OBJECT_0)
        return asker->name.string.Buffer;
    /* It is left alone with its question, until this program ends. */
    namer->asker = NULL;
    namer->lost_count++;
    return L"";
}

void vdisk_object_namer_free(struct vdisk_object_namer *namer)
{
    struct asker *asker = namer == NULL ? NULL : namer->asker;
    if (asker != NULL) {
        asker->object = NULL;
        SetEvent(asker->asked);
        WaitForSingleObject(asker->thread, INFINITE);
        free_asker(asker);
    }
    vdisk_free(namer);
}
