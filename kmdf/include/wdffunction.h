/*
 * How an entry of the function table becomes a callable function.
 *
 * WDF_FUNCTION(result, name, parameters, arguments) declares PFN_<name>, the type of the entry,
 * whose first parameter is the driver's globals, and the inline function <name> that calls it.
 */
#ifndef KMDF_WDFFUNCTION_H
#define KMDF_WDFFUNCTION_H

#define WDF_UNWRAP(...) __VA_ARGS__

#define WDF_FUNCTION_CC(result, convention, name, parameters, arguments)                           \
    typedef result(convention *PFN_##name)(PWDF_DRIVER_GLOBALS DriverGlobals,                      \
                                           WDF_UNWRAP parameters);                                 \
    static inline result name(WDF_UNWRAP parameters)                                               \
    {                                                                                              \
        return ((PFN_##name)WdfFunctions[name##TableIndex])(WdfDriverGlobals,                      \
                                                            WDF_UNWRAP arguments);                 \
    }

#define WDF_FUNCTION(result, name, parameters, arguments)                                          \
    WDF_FUNCTION_CC(result, NTAPI, name, parameters, arguments)

#endif
