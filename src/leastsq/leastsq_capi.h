/* The C API for extension modules of Python that do not link libleastsq: a table of its functions,
 * taken from the installed package when the extension is imported.
 *
 *     static const leastsq_capi *capi;
 *     ...in the module's initialisation: capi = leastsq_import(); if (capi == NULL) return NULL;
 *     ...anywhere, with or without the GIL: capi->lmdif(residual, ...);
 *
 * leastsq.h documents the functions and has their types. An extension compiled with this header
 * works with this and every later version of leastsq: members are never changed or moved, only
 * appended.
 */
#ifndef LEASTSQ_CAPI_H
#define LEASTSQ_CAPI_H

#include <Python.h>
#include "leastsq.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LEASTSQ_CAPI_VERSION 2
#define LEASTSQ_CAPI_NAME "leastsq._minpack._C_API"

typedef struct leastsq_capi {
    int version; /* LEASTSQ_CAPI_VERSION of the installed package */
    leastsq_lmdif_function *lmdif;
    leastsq_lmder_function *lmder;
    leastsq_lmdif1_function *lmdif1;
    leastsq_lmder1_function *lmder1;
    leastsq_enorm_function *enorm;
    leastsq_qrfac_function *qrfac;
    leastsq_qrsolv_function *qrsolv;
    leastsq_lmpar_function *lmpar;
    leastsq_fdjac2_function *fdjac2;
    leastsq_covar_function *covar;
    leastsq_chkder_function *chkder;
    leastsq_dpmpar_function *dpmpar;
    /* From version 2 on; NULL in a build on the system's MINPACK. */
    leastsq_workspace_size_function *workspace_size;
    leastsq_start_function *start;
    leastsq_resume_function *resume;
    leastsq_inspect_function *inspect;
    leastsq_difference_point_function *difference_point;
    leastsq_difference_column_function *difference_column;
} leastsq_capi;

/* The table, which lives as long as the interpreter, or NULL with an ImportError set if leastsq is
 * not installed or older than this header. Needs the GIL. */
static inline const leastsq_capi *leastsq_import(void)
{
    const leastsq_capi *capi = (const leastsq_capi *)PyCapsule_Import(LEASTSQ_CAPI_NAME, 0);

    if (capi != NULL && capi->version < LEASTSQ_CAPI_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "this module needs version %d of leastsq's function table, but the "
                     "installed leastsq has version %d; please upgrade leastsq",
                     LEASTSQ_CAPI_VERSION, capi->version);
        return NULL;
    }
    return capi;
}

#ifdef __cplusplus
}
#endif

#endif
