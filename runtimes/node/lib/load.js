// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * From a handler string to a function, or to a sentence about why not.
 *
 * `dir/file.function`, split at the last dot. The file is `.js`, `.cjs` or `.mjs` inside the code, or
 * the index.js of a directory; whether a `.js` is CommonJS or an ES module is the package's to say.
 */
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');

const ENDINGS = ['.js', '.cjs', '.mjs', '/index.js', '/index.cjs', '/index.mjs'];

/* type: the error type shown; cause: what was thrown, or undefined. */
class LoadError extends Error {
    constructor(type, message, cause) {
        super(message);
        this.type = type;
        this.cause = cause;
    }
}

/* A promise of the function. What the module itself throws comes through as it is. */
async function load(root, text, what) {
    const dot = text.lastIndexOf('.');
    const module = text.slice(0, dot), name = text.slice(dot + 1);

    if (dot <= 0 || !name)
        throw new LoadError('HandlerNotFound', `Bad ${what} '${text}': it must be 'file.function'`);
    if (module.split('/').some(part => part === '' || part === '..' || part === '.'))
        throw new LoadError('HandlerNotFound', `Bad ${what} '${text}': the file must be inside the code`);

    const exported = await importFile(find(root, module), module);
    let fn = exported[name];
    if (fn === undefined && exported.default)
        fn = exported.default[name];
    if (fn === undefined)
        throw new LoadError('HandlerNotFound', `Handler '${name}' is missing on module '${module}'`);
    if (typeof fn !== 'function')
        throw new LoadError('HandlerNotFound',
            `Handler '${name}' of module '${module}' is not a function: it is of type '${typeof fn}'`);
    return fn;
}

function find(root, module) {
    for (const ending of ENDINGS) {
        const file = path.join(root, module + ending);

        if (fs.existsSync(file))
            return file;
    }
    throw new LoadError('ImportModuleError',
        `Unable to import module '${module}': there is no file '${module}.js' in the code`);
}

/* The exports; an object whatever they are. */
async function importFile(file, module) {
    try {
        return Object(await requireOrImport(file));
    } catch (e) {
        if (e instanceof SyntaxError)
            throw new LoadError('SyntaxError', `Syntax error in module '${module}'(${whereAndWhat(e)})`, e);
        if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND'))
            throw new LoadError('ImportModuleError', `Unable to import module '${module}': ${e.message}`, e);
        throw e;
    }
}

/* The stack of a syntax error begins with a line "FILE:LINE", where node knows it. */
function whereAndWhat(e) {
    const where = /^(?:file:\/\/)?(\/.*):(\d+)\n/.exec(e.stack || '');

    return where ? `${e.message} (${path.basename(where[1])}, line ${where[2]})` : e.message;
}

async function requireOrImport(file) {
    if (!file.endsWith('.mjs')) {
        try {
            return createRequire(file)(file);
        } catch (e) {
            if (!e || e.code !== 'ERR_REQUIRE_ESM')
                throw e;
        }
    }
    return import(pathToFileURL(file));
}

module.exports = { LoadError, load };
