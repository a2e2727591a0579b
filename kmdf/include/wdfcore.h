/* Timeouts in 100 ns units: relative ones are negative. */
#ifndef KMDF_WDFCORE_H
#define KMDF_WDFCORE_H

#define WDF_TIMEOUT_TO_US  ((LONGLONG)10)
#define WDF_TIMEOUT_TO_MS  ((LONGLONG)10 * 1000)
#define WDF_TIMEOUT_TO_SEC ((LONGLONG)10 * 1000 * 1000)

static inline LONGLONG WDF_REL_TIMEOUT_IN_SEC(_In_ ULONGLONG Time)
{
    return -(LONGLONG)Time * WDF_TIMEOUT_TO_SEC;
}

static inline LONGLONG WDF_ABS_TIMEOUT_IN_SEC(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_SEC;
}

static inline LONGLONG WDF_REL_TIMEOUT_IN_MS(_In_ ULONGLONG Time)
{
    return -(LONGLONG)Time * WDF_TIMEOUT_TO_MS;
}

static inline LONGLONG WDF_ABS_TIMEOUT_IN_MS(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_MS;
}

static inline LONGLONG WDF_REL_TIMEOUT_IN_US(_In_ ULONGLONG Time)
{
    return -(LONGLONG)Time * WDF_TIMEOUT_TO_US;
}

static inline LONGLONG WDF_ABS_TIMEOUT_IN_US(_In_ ULONGLONG Time)
{
    return (LONGLONG)Time * WDF_TIMEOUT_TO_US;
}

/* AlignTo is a power of two. */
static inline size_t WDF_ALIGN_SIZE_DOWN(_In_ size_t Length, _In_ size_t AlignTo)
{
    return Length & ~(AlignTo - 1);
}

static inline size_t WDF_ALIGN_SIZE_UP(_In_ size_t Length, _In_ size_t AlignTo)
{
    return WDF_ALIGN_SIZE_DOWN(Length + AlignTo - 1, AlignTo);
}

#endif
