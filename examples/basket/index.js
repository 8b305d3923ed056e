import { readFile } from 'node:fs/promises';

let prices;

export async function initializer(context) {
    prices = JSON.parse(await readFile(new URL('prices.json', import.meta.url), 'utf8'));
}

export async function handler(event, context) {
    let total = 0;

    for (const [name, count] of Object.entries(event.items || {})) {
        if (!(name in prices))
            throw new RangeError(`nothing here is called '${name}'`);
        console.log('%d x %s', count, name);
        total += count * prices[name];
    }
    return { total: total.toFixed(2), currency: context.getUserData('currency') };
}
