exports.handler = async (event, context) => {
    context.getLogger().info('hello from', context.getFunctionName());
    return { message: `hello, ${event.name || 'world'}`, event };
};
