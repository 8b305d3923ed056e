/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _zygote.c - the carrier (sandbox/carrier.h) for Python: forks of this interpreter into slots.
 *
 * Used by zygote.py only, and only in the zygote; in a child the module is dropped before any code
 * of a function is seen. Stable ABI, since the interpreter may be another one than we were built
 * with. A failure is an OSError with the sentence of struct err, except in fork(), which tells the
 * launcher.
 *
 * There is one zygote in a process, hence one carrier, in a static variable.
 */
#define Py_LIMITED_API 0x03080000
#include <Python.h>

#include "sandbox/carrier.h"

static struct carrier *carrier; /* owned */

static PyObject *fail(const struct err *e)
{
    PyObject *args = Py_BuildValue("(is)", -e->code, e->msg);

    if (args) {
        PyErr_SetObject(PyExc_OSError, args);
        Py_DECREF(args);
    }
    return NULL;
}

/* Nobody calls these out of order but ourselves. */
static bool is_open(void)
{
    if (!carrier)
        PyErr_SetString(PyExc_RuntimeError, "open() comes first");
    return carrier != NULL;
}

static PyObject *zygote_open(PyObject *self, PyObject *none)
{
    struct err e = {0};

    (void)self;
    (void)none;
    carrier = carrier_free(carrier);
    if (carrier_open(CARRIER_SOCK_FD, CARRIER_FILTER_FD, &carrier, &e) < 0)
        return fail(&e);
    Py_RETURN_NONE;
}

static PyObject *zygote_ready(PyObject *self, PyObject *none)
{
    struct err e = {0};

    (void)self;
    (void)none;
    if (!is_open())
        return NULL;
    if (carrier_ready(carrier, &e) < 0)
        return fail(&e);
    Py_RETURN_NONE;
}

/* The interpreter's lock is kept: there is no other thread. */
static PyObject *zygote_wait(PyObject *self, PyObject *none)
{
    struct err e = {0};
    int r;

    (void)self;
    (void)none;
    if (!is_open())
        return NULL;
    r = carrier_wait(carrier, &e);
    if (r < 0)
        return fail(&e);
    return PyBool_FromLong(r);
}

static PyObject *zygote_fork(PyObject *self, PyObject *none)
{
    struct err e = {0};
    int r;

    (void)self;
    (void)none;
    if (!is_open())
        return NULL;
    PyOS_BeforeFork();
    r = carrier_fork(carrier, &e);
    if (r == 0) {
        PyOS_AfterFork_Child();
        carrier = carrier_free(carrier);
        Py_RETURN_TRUE;
    }
    PyOS_AfterFork_Parent();
    if (r < 0)
        return fail(&e);
    Py_RETURN_FALSE;
}

static PyMethodDef methods[] = {
        {"open", zygote_open, METH_NOARGS, "Take descriptors 3 and 4 from the launcher."},
        {"ready", zygote_ready, METH_NOARGS, "Tell the launcher that orders are welcome."},
        {"wait", zygote_wait, METH_NOARGS, "True: fork() now. False: the launcher is gone."},
        {"fork", zygote_fork, METH_NOARGS,
         "Carry out the order. True in the child, which has lost everything."},
        {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_zygote",
        .m_doc = "Forks of this interpreter into slots.",
        .m_size = -1,
        .m_methods = methods,
};

PyMODINIT_FUNC PyInit__zygote(void);
PyMODINIT_FUNC PyInit__zygote(void)
{
    return PyModule_Create(&module);
}
