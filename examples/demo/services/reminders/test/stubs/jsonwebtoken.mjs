export default {
  verify(token) {
    if (token !== 'good') throw new Error('invalid');
    return { sub: 'staff-1' };
  },
};
