/* Handles and the basic types of the framework. */
#ifndef KMDF_WDFTYPES_H
#define KMDF_WDFTYPES_H

typedef enum _WDF_TRI_STATE {
    WdfFalse = FALSE,
    WdfTrue = TRUE,
    WdfUseDefault = 2,
} WDF_TRI_STATE,
    *PWDF_TRI_STATE;

typedef PVOID WDFCONTEXT;

typedef struct WDFDEVICE_INIT *PWDFDEVICE_INIT;
typedef struct _WDF_OBJECT_ATTRIBUTES *PWDF_OBJECT_ATTRIBUTES;

#define WDF_NO_OBJECT_ATTRIBUTES (NULL)
#define WDF_NO_EVENT_CALLBACK    (NULL)
#define WDF_NO_HANDLE            (NULL)
#define WDF_NO_CONTEXT           (NULL)
#define WDF_NO_SEND_OPTIONS      (NULL)

/* Any handle converts to WDFOBJECT; handles of different objects do not mix. */
typedef HANDLE WDFOBJECT, *PWDFOBJECT;

#define WDF_HANDLE(name)                                                                           \
    struct name##__ {                                                                              \
        int unused;                                                                                \
    };                                                                                             \
    typedef struct name##__ *name

WDF_HANDLE(WDFDRIVER);
WDF_HANDLE(WDFDEVICE);
WDF_HANDLE(WDFQUEUE);
WDF_HANDLE(WDFREQUEST);
WDF_HANDLE(WDFFILEOBJECT);
WDF_HANDLE(WDFDPC);
WDF_HANDLE(WDFTIMER);
WDF_HANDLE(WDFWORKITEM);
WDF_HANDLE(WDFWAITLOCK);
WDF_HANDLE(WDFSPINLOCK);
WDF_HANDLE(WDFMEMORY);
WDF_HANDLE(WDFLOOKASIDE);
WDF_HANDLE(WDFIOTARGET);
WDF_HANDLE(WDFKEY);
WDF_HANDLE(WDFSTRING);
WDF_HANDLE(WDFCOLLECTION);
WDF_HANDLE(WDFCHILDLIST);
WDF_HANDLE(WDFIORESREQLIST);
WDF_HANDLE(WDFCMRESLIST);

#undef WDF_HANDLE

#endif
