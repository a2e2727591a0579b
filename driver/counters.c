#include "driver/counters.h"

#define MICROSECONDS  1000000
#define READ_ATTEMPTS 1000

VOID VdCountersInitialize(VD_COUNTERS *Counters)
{
    LARGE_INTEGER Frequency;

    RtlZeroMemory(Counters, sizeof(*Counters));
    (VOID) KeQueryPerformanceCounter(&Frequency);
    Counters->Frequency = Frequency.QuadPart;
}

LONGLONG VdCountersEnter(VD_COUNTERS *Counters)
{
    InterlockedIncrement(&Counters->RequestsInFlight);
    return KeQueryPerformanceCounter(NULL).QuadPart;
}

VOID VdCountersLeave(VD_COUNTERS *Counters)
{
    InterlockedDecrement(&Counters->RequestsInFlight);
}

static ULONG LatencyBucket(const VD_COUNTERS *Counters, LONGLONG Start)
{
    const LONGLONG Ticks = KeQueryPerformanceCounter(NULL).QuadPart - Start;
    ULONGLONG Microseconds = (ULONGLONG)Ticks * MICROSECONDS / (ULONGLONG)Counters->Frequency;
    ULONG Bucket = 0;

    while (Microseconds != 0 && Bucket < VIRTUALDISK_LATENCY_BUCKETS - 1) {
        Microseconds >>= 1;
        Bucket++;
    }
    return Bucket;
}

VOID VdCountersCount(VD_COUNTERS *Counters, ULONG Worker, VD_COUNTED Kind, LONGLONG Start,
                     ULONG_PTR Bytes, BOOLEAN Failed)
{
    VD_TALLY *Tally = &Counters->Tallies[Worker];
    struct virtualdisk_operations *Operations = &Tally->Operations[Kind];
    const ULONG Bucket = LatencyBucket(Counters, Start);

    Counters->Failing = Failed;
    InterlockedIncrement(&Tally->Version);
    if (Failed) {
        Operations->error_count++;
    } else {
        Operations->count++;
        Operations->bytes += Bytes;
        Operations->latency[Bucket]++;
    }
    InterlockedIncrement(&Tally->Version);
}

static VOID Add(struct virtualdisk_operations *Sum, const struct virtualdisk_operations *More)
{
    Sum->count += More->count;
    Sum->bytes += More->bytes;
    Sum->error_count += More->error_count;
    for (ULONG i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++)
        Sum->latency[i] += More->latency[i];
}

/*
 * One kind of one worker, as it was at some moment. A worker may have been interrupted by whoever
 * asks here: then its numbers are taken as they are, and the next question gets them right.
 */
static VOID ReadTally(VD_TALLY *Tally, VD_COUNTED Kind, struct virtualdisk_operations *Operations)
{
    ULONG Attempts = READ_ATTEMPTS;
    LONG Version;

    do {
        Version = InterlockedOr(&Tally->Version, 0);
        *Operations = *(volatile struct virtualdisk_operations *)&Tally->Operations[Kind];
    } while (--Attempts != 0 &&
             ((Version & 1) != 0 || InterlockedOr(&Tally->Version, 0) != Version));
}

VOID VdCountersRead(VD_COUNTERS *Counters, struct virtualdisk_statistics *Statistics)
{
    struct virtualdisk_operations *Sums[VD_COUNTED_KINDS] = {
        [VdCountedRead] = &Statistics->read,
        [VdCountedWrite] = &Statistics->write,
        [VdCountedFlush] = &Statistics->flush,
        [VdCountedTrim] = &Statistics->trim,
    };

    RtlZeroMemory(Statistics, sizeof(*Statistics));
    Statistics->version = VIRTUALDISK_ABI_VERSION;
    Statistics->requests_in_flight = (uint32_t)Counters->RequestsInFlight;
    for (ULONG Worker = 0; Worker < VD_WORKER_COUNT; Worker++) {
        for (ULONG Kind = 0; Kind < VD_COUNTED_KINDS; Kind++) {
            struct virtualdisk_operations Operations;

            ReadTally(&Counters->Tallies[Worker], (VD_COUNTED)Kind, &Operations);
            Add(Sums[Kind], &Operations);
        }
    }
}
